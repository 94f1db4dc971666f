/**
 * Arithmetic on the hyperboloid that keeps its digits far from the origin. A point x = (x₀, x̄) is used by its radius a
 * = |x̄| and direction e = x̄/a; a tangent at x by its frame vector w ∈ ℝⁿ, which parallel transport to the origin
 * makes of it: with ū = ū⊥ + e ū∥ it is w = ū⊥ + e ū∥/x₀, and ⟨u, v⟩ = wᵀw'. Lorentz products cancel where x₀ is large;
 * these do not.
 */
import { asinh, cosh, sinh } from '../linalg/hyperbolic-functions.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { divideOnRange } from '../metrics/spectrum.js';
import type { VectorRows } from './vector-rows.js';

/** Points [k, n + 1] in parts. */
export interface LorentzParts<M> {
  /** x₀ = √(1 + a²), [k]. */
  readonly time: M;
  /** x̄, [k, n]. */
  readonly space: M;
  /** a = |x̄|, [k]. */
  readonly radius: M;
  /** e = x̄/a, [k, n]; the first unit vector at the origin. */
  readonly direction: M;
}

/** A point y as seen from x. */
export interface Sight<M> {
  /** sinh(d/2) for the distance d, [k]. */
  readonly halfSine: M;
  /** The space part of y in the frame of x, of length sinh(d), [k, n]. */
  readonly place: M;
}

/** The operations, on rows. */
export interface LorentzFrames<M> {
  /** Takes points apart; x₀ is computed from x̄. */
  parts(x: M): LorentzParts<M>;
  /** Returns the points [k, n + 1] whose space parts are given. */
  lift(space: M): M;
  /** Returns frame vectors of tangents [k, n + 1]. */
  toFrame(x: LorentzParts<M>, u: M): M;
  /** Returns the tangents of frame vectors. */
  fromFrame(x: LorentzParts<M>, w: M): M;
  /** Returns the frame vector of the gradient whose Euclidean counterpart is g. */
  gradient(x: LorentzParts<M>, g: M): M;
  /** Returns Exp_x of a frame vector, as points. */
  exp(x: LorentzParts<M>, w: M): M;
  /** Returns y as seen from x. */
  look(x: LorentzParts<M>, y: LorentzParts<M>): Sight<M>;
}

function columnOf<M>(la: LinearAlgebra<M>, values: M): M {
  return la.reshape(values, [la.shape(values)[0], 1]);
}

function onesLike<M>(la: LinearAlgebra<M>, like: M): M {
  return la.full(la.shape(like), 1);
}

/** Returns √(1 + |x̄|²). */
function timeAbove<M>(la: LinearAlgebra<M>, { lengths }: VectorRows<M>, space: M): M {
  return lengths(la.concat([la.full([la.shape(space)[0], 1], 1), space], 'columns'));
}

/** Returns the points with these space parts. */
function lifted<M>(la: LinearAlgebra<M>, view: VectorRows<M>, space: M): M {
  return la.concat([columnOf(la, timeAbove(la, view, space)), space], 'columns');
}

/** Removes the part along e, twice against rounding. */
function across<M>(la: LinearAlgebra<M>, { dot }: VectorRows<M>, e: M, z: M): M {
  const once = la.subtract(z, la.scaleRows(dot(e, z), e));
  return la.subtract(once, la.scaleRows(dot(e, once), e));
}

/** Builds the operations for vectors of n + 1 entries. */
export function lorentzFrames<M>(la: LinearAlgebra<M>, n: number, view: VectorRows<M>): LorentzFrames<M> {
  const { dot, lengths, directions } = view;
  const timeOf = (u: M): M => la.reshape(la.slice(u, { columns: [0, 1] }), [la.shape(u)[0]]);
  const spaceOf = (u: M): M => la.slice(u, { columns: [1, n + 1] });
  return {
    parts(x) {
      const space = spaceOf(x);
      const radius = lengths(space);
      const [count] = la.shape(radius);
      const first = la.fromArray(
        Array.from({ length: count * n }, (_, i) => (i % n === 0 ? 1 : 0)),
        [count, n],
      );
      // At the origin the direction is the first unit vector.
      const missing = la.subtract(onesLike(la, radius), la.sign(radius));
      const direction = la.add(directions(space, radius), la.scaleRows(missing, first));
      return { time: timeAbove(la, view, space), space, radius, direction };
    },
    lift: (space) => lifted(la, view, space),
    toFrame({ time, direction }, u) {
      const space = spaceOf(u);
      const along = la.divide(dot(direction, space), time);
      return la.add(across(la, view, direction, space), la.scaleRows(along, direction));
    },
    fromFrame({ time, radius, direction }, w) {
      const along = dot(direction, w);
      const space = la.add(across(la, view, direction, w), la.scaleRows(la.multiply(along, time), direction));
      return la.concat([columnOf(la, la.multiply(radius, along)), space], 'columns');
    },
    gradient({ time, radius, direction }, g) {
      const space = spaceOf(g);
      const along = la.add(la.multiply(time, dot(direction, space)), la.multiply(radius, timeOf(g)));
      return la.add(across(la, view, direction, space), la.scaleRows(along, direction));
    },
    exp: (x, w) => exponential(la, view, x, w),
    look: (x, y) => sight(la, view, x, y),
  };
}

function exponential<M>(la: LinearAlgebra<M>, view: VectorRows<M>, { time, radius, direction }: LorentzParts<M>, w: M): M {
  const { dot, lengths, directions } = view;
  const length = lengths(w);
  const heading = directions(w, length);
  const cosine = dot(direction, heading);
  const aside = across(la, view, direction, heading);
  const [grown, shrunk] = [sinh(la, length), cosh(la, length)];
  const outward = la.add(la.multiply(shrunk, radius), la.multiply(la.multiply(grown, time), cosine));
  // Inwards a·cosh and x₀·sinh cancel: a·cosh(ℓ) − x₀·sinh(ℓ) is sinh(ρ − ℓ), and 1 + cos is sin²/(1 − cos).
  const opening = la.divide(dot(aside, aside), la.maximum(la.subtract(onesLike(la, cosine), cosine), 1));
  const inward = la.add(sinh(la, la.subtract(asinh(la, radius), length)), la.multiply(la.multiply(grown, time), opening));
  const radial = la.where(la.greater(cosine, 0), outward, inward);
  const space = la.add(la.scaleRows(radial, direction), la.scaleRows(grown, aside));
  return lifted(la, view, space);
}

function sight<M>(la: LinearAlgebra<M>, view: VectorRows<M>, x: LorentzParts<M>, y: LorentzParts<M>): Sight<M> {
  const { dot, lengths, directions } = view;
  const apart = la.subtract(x.space, y.space);
  const radii = la.add(x.radius, y.radius);
  const nothing = la.full(la.shape(radii), 0);
  const share = (radius: M): M => divideOnRange(la, radius, radii, nothing);
  const middle = directions(la.add(x.space, y.space), radii);
  // a − b = ⟨x̄ − ȳ, x̄ + ȳ⟩/(a + b), and sinh(ρ_x − ρ_y) = (a² − b²)/(a y₀ + b x₀).
  const fall = dot(apart, middle);
  const weighted = la.add(la.multiply(share(x.radius), y.time), la.multiply(share(y.radius), x.time));
  // Two points at the origin have no shares.
  const weight = la.where(la.greater(radii, 0), weighted, onesLike(la, radii));
  const difference = la.divide(fall, weight);
  const isNear = la.greater(radii, la.scale(2, lengths(apart)));
  const nearRows = (nearer: M, farther: M): M =>
    la.add(la.scaleRows(isNear, nearer), la.scaleRows(la.subtract(onesLike(la, isNear), isNear), farther));
  // The chord |e − f| of the directions, also where they are close: (x̄ − ȳ − f(a − b))/a.
  const chordNear = directions(la.subtract(apart, la.scaleRows(fall, y.direction)), x.radius);
  const chord = lengths(nearRows(chordNear, la.subtract(x.direction, y.direction)));
  const sideways = la.scale(0.5, la.multiply(chord, la.multiply(la.sqrt(x.radius), la.sqrt(y.radius))));
  const radial = sinh(la, la.scale(0.5, asinh(la, difference)));
  const halfSine = lengths(la.concat([columnOf(la, radial), columnOf(la, sideways)], 'columns'));
  const turned = la.scale(0.5, la.multiply(la.multiply(chord, chord), la.multiply(y.radius, x.time)));
  const along = la.scale(-1, la.add(difference, turned));
  const aside = nearRows(la.scale(-1, across(la, view, x.direction, apart)), across(la, view, x.direction, y.space));
  return { halfSine, place: la.add(aside, la.scaleRows(along, x.direction)) };
}
