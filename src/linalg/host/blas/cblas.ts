/** CBLAS's codes for orders, triangles and the like. */
export const CBLAS = {
  rowMajor: 101,
  noTranspose: 111,
  transpose: 112,
  upper: 121,
  lower: 122,
  nonUnit: 131,
  left: 141,
  right: 142,
} as const;
