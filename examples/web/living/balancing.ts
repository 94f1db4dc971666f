/** The page about balancing: a pair of factors, a geodesic between products, and descent. */
import { startDescent } from './balancing/descent.js';
import { startFactors } from './balancing/factors.js';
import { startGeodesic } from './balancing/geodesic.js';
import { begin } from './parts/dom.js';

begin();
startFactors();
startGeodesic();
startDescent();
