/** What the demo's page says about its numbers. */

/** One paragraph each. */
export const notes: readonly string[] = [
  'Instances. Entries of the target, of the frozen weights and of B are standard normal, A starts at zero: the law of the ' +
    'published instances, as their entries show. Both methods see the same instances. Gradient descent takes 100 steps; sign ' +
    'descent, g/(|g| + 1e-8) entrywise, 60.',
  'Learning rates. Each method gets, on each seed, the rate of the grid with the least final loss; rates whose loss passes 1e5 ' +
    'are dropped. The grids are the published ones: 20 equally spaced rates from 0.005 to 0.5 for one layer, 50 from 1e-5 to 0.3 ' +
    'for two. For gradient descent on two layers the published grid leaves one rate that does not diverge, 1e-5, at which nothing ' +
    'converges (rows “on the published grid”); the plot uses 50 rates between the same ends in geometric progression.',
  'Excess loss is the loss less ½ Σ σ² over the singular values of target − pretrained beyond the L·4 that L layers can fit.',
  '“Lower on” counts the seeds on which that method ends below the other. Balance gap: the largest ‖AᵀA − BBᵀ‖ / (‖AᵀA‖ + ‖BBᵀ‖) ' +
    'of any layer and seed. Condition number κ: for one layer, largest over smallest eigenvalue of the loss’s Hessian off the ' +
    'gauge directions, in closed form, at the minimizer that the run approaches, with its gauge; for two, the largest κ of a ' +
    'layer’s map (dA, dB) ↦ dA·B + A·dB, which is what the choice of factors contributes.',
  'Rates. Near a minimizer gradient descent shrinks the distance to it by max |1 − τλ| in each step, λ the nonzero eigenvalues ' +
    'of the Hessian and τ the learning rate; the excess loss shrinks as the square. On one layer prediction and measurement agree ' +
    'once a run has settled. On two layers a hundred steps end far from a minimizer, at the edge of stability (τλ₁ ≈ 2): the ' +
    'prediction, then 1 or more, says only that this learning rate will not settle there.',
];
