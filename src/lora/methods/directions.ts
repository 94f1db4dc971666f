/** Direction rules for whole adapters that treat every array alike. Rules that belong to one method are in its file. */
import { adamw, type MomentRule } from '../../solvers/directions/adam.js';
import { momentum } from '../../solvers/directions/momentum.js';
import { sgd } from '../../solvers/directions/sgd.js';
import type { LoraDirection } from './lora-method.js';

/** Returns AdamW. `moments` sets how its averages follow a change of gauge; by default they are transported. */
export const adamwDirection = (moments: MomentRule = 'transport'): LoraDirection => ({
  name: 'adamw',
  rule: (options) => adamw({ ...options, moments }),
});

/** Gradient descent with momentum, whose decay is `beta1`. Weight decay and the other options of AdamW do not apply. */
export const momentumDirection: LoraDirection = {
  name: 'momentum',
  rule: ({ beta1 }) => momentum(beta1 === undefined ? {} : { decay: beta1 }),
};

/** Gradient descent: on a manifold, Riemannian gradient descent. The options of AdamW do not apply. */
export const sgdDirection: LoraDirection = { name: 'sgd', rule: () => sgd() };
