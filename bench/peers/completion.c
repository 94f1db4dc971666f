/*
 * The peer of `bench:completion`: cost and gradient of matrix completion as one would write them in C, in one pass over the entries.
 *
 *     completion DATA PASSES
 *
 * DATA holds, in the machine's own order: int32 m, n, k, 0; int64 nnz; int32 rowPointers[m + 1], padded to 8 bytes; int32 columnIndices[nnz], padded to 8 bytes;
 * float64 values[nnz], left[m·k], right[n·k]. For E = P(left·rightᵀ) − values it computes ‖E‖², E·right and Eᵀ·left, and prints one line a pass: seconds, ‖E‖², and the sums of
 * both products.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double pass(int m, int k, const int32_t *rows, const int32_t *columns, const double *values, const double *left,
                   const double *right, double *product, double *transposed)
{
    double squares = 0;
    for (int i = 0; i < m; i++) {
        const double *u = left + (int64_t)i * k;
        double *p = product + (int64_t)i * k;
        for (int l = 0; l < k; l++) p[l] = 0;
        for (int e = rows[i]; e < rows[i + 1]; e++) {
            const double *v = right + (int64_t)columns[e] * k;
            double *t = transposed + (int64_t)columns[e] * k;
            double residual = -values[e];
            for (int l = 0; l < k; l++) residual += u[l] * v[l];
            squares += residual * residual;
            for (int l = 0; l < k; l++) {
                p[l] += residual * v[l];
                t[l] += residual * u[l];
            }
        }
    }
    return squares;
}

static void *read_exactly(FILE *file, size_t bytes)
{
    char *data = malloc(bytes);
    if (data == NULL || fread(data, 1, bytes, file) != bytes) {
        fprintf(stderr, "completion: the file of data is cut short, or memory is\n");
        exit(1);
    }
    return data;
}

int main(int count, char **arguments)
{
    if (count != 3) {
        fprintf(stderr, "usage: completion DATA PASSES\n");
        return 2;
    }
    FILE *file = fopen(arguments[1], "rb");
    if (file == NULL) {
        fprintf(stderr, "completion: cannot open %s\n", arguments[1]);
        return 1;
    }
    int32_t *sizes = read_exactly(file, 16);
    int m = sizes[0], n = sizes[1], k = sizes[2];
    int64_t nnz = *(int64_t *)read_exactly(file, 8);
    int32_t *rows = read_exactly(file, ((size_t)(m + 1) * 4 + 7) / 8 * 8);
    int32_t *columns = read_exactly(file, ((size_t)nnz * 4 + 7) / 8 * 8);
    double *values = read_exactly(file, (size_t)nnz * 8);
    double *left = read_exactly(file, (size_t)m * k * 8);
    double *right = read_exactly(file, (size_t)n * k * 8);
    double *product = malloc((size_t)m * k * 8), *transposed = malloc((size_t)n * k * 8);
    for (int turn = 0; turn < atoi(arguments[2]); turn++) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        memset(transposed, 0, (size_t)n * k * 8);
        double squares = pass(m, k, rows, columns, values, left, right, product, transposed);
        clock_gettime(CLOCK_MONOTONIC, &end);
        double sums[2] = {0, 0};
        for (int64_t i = 0; i < (int64_t)m * k; i++) sums[0] += product[i];
        for (int64_t i = 0; i < (int64_t)n * k; i++) sums[1] += transposed[i];
        printf("%.6f %.17g %.17g %.17g\n", (end.tv_sec - start.tv_sec) + (end.tv_nsec - start.tv_nsec) * 1e-9, squares, sums[0], sums[1]);
    }
    return 0;
}
