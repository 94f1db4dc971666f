// s with other values at its places, in the order of its columns. The authors' setSval and updateSval write into a matrix
// in place, which in Octave reaches a copy only.
#include <octave/oct.h>

DEFUN_DLD (with_values, args, , "with_values (s, v)")
{
  SparseMatrix s = args(0).sparse_matrix_value ();
  const NDArray v = args(1).array_value ();
  if (v.numel () != s.nnz ())
    error ("with_values: expected %ld values, got %ld", static_cast<long> (s.nnz ()), static_cast<long> (v.numel ()));
  double *values = s.data ();
  for (octave_idx_type i = 0; i < v.numel (); i++)
    values[i] = v(i);
  return ovl (s);
}
