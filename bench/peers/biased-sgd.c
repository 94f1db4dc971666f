/*
 * A peer of `bench:ratings`: matrix factorization with biases by stochastic gradient descent, as one would write it in C after Funk and after Koren, Bell and Volinsky (IEEE Computer 42(8), 2009).
 *
 *     biased-sgd DATA RANK [RIDGE RATE]
 *
 * DATA holds, in the machine's own order: int32 m, n, and of train, validation and test entries the numbers; then of each of the three parts int32 rows, int32 columns, float64 values.
 * The regularization, the rate and the epoch are those that predict the validation entries best. RIDGE and RATE, chosen on a smaller set, leave the epoch to choose, and, of up to two million
 * entries, the regularizations on both sides of RIDGE. Then train and validation entries are fitted with them, and one line is printed:
 * test RMSE, seconds of the last fit, seconds of all fits, regularization, rate, epochs.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { most_epochs = 120, patience = 4 };

struct entry { int32_t row, column; double value; };
struct part { int count; struct entry *entries; };
struct model { int m, n, rank; double mean, *rows, *columns, *left, *right; };
struct setting { double ridge, rate; int epochs; };

static uint64_t state;

static double uniform(void)
{
    state ^= state << 13; state ^= state >> 7; state ^= state << 17;
    return (double)(state >> 11) / 9007199254740992.0;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static void *allocate(size_t bytes)
{
    void *data = malloc(bytes > 0 ? bytes : 1);
    if (data == NULL) { fprintf(stderr, "biased-sgd: out of memory\n"); exit(1); }
    return data;
}

static void read_exactly(FILE *file, void *into, size_t bytes)
{
    if (fread(into, 1, bytes, file) != bytes) { fprintf(stderr, "biased-sgd: the file of data is cut short\n"); exit(1); }
}

static struct part read_part(FILE *file, int count)
{
    struct part part = { count, allocate(count * sizeof(struct entry)) };
    int32_t *indices = allocate((size_t)count * 4);
    double *values = allocate((size_t)count * 8);
    read_exactly(file, indices, (size_t)count * 4);
    for (int e = 0; e < count; e++) part.entries[e].row = indices[e];
    read_exactly(file, indices, (size_t)count * 4);
    for (int e = 0; e < count; e++) part.entries[e].column = indices[e];
    read_exactly(file, values, (size_t)count * 8);
    for (int e = 0; e < count; e++) part.entries[e].value = values[e];
    free(indices); free(values);
    return part;
}

static void shuffle(struct part part)
{
    for (int e = part.count - 1; e > 0; e--) {
        int other = (int)(uniform() * (e + 1));
        struct entry kept = part.entries[e];
        part.entries[e] = part.entries[other];
        part.entries[other] = kept;
    }
}

static void begin(struct model *model, struct part train)
{
    double sum = 0;
    for (int e = 0; e < train.count; e++) sum += train.entries[e].value;
    model->mean = sum / train.count;
    memset(model->rows, 0, model->m * 8);
    memset(model->columns, 0, model->n * 8);
    double size = 0.1 / sqrt(model->rank);
    for (int64_t p = 0; p < (int64_t)model->m * model->rank; p++) model->left[p] = size * 3.46 * (uniform() - 0.5);
    for (int64_t p = 0; p < (int64_t)model->n * model->rank; p++) model->right[p] = size * 3.46 * (uniform() - 0.5);
}

static void epoch(struct model *model, struct part train, double ridge, double rate)
{
    int rank = model->rank;
    for (int e = 0; e < train.count; e++) {
        struct entry entry = train.entries[e];
        double *u = model->left + (int64_t)entry.row * rank, *v = model->right + (int64_t)entry.column * rank;
        double *b = model->rows + entry.row, *c = model->columns + entry.column;
        double error = entry.value - model->mean - *b - *c;
        for (int l = 0; l < rank; l++) error -= u[l] * v[l];
        *b += rate * (error - ridge * *b);
        *c += rate * (error - ridge * *c);
        for (int l = 0; l < rank; l++) {
            double old = u[l];
            u[l] += rate * (error * v[l] - ridge * old);
            v[l] += rate * (error * old - ridge * v[l]);
        }
    }
}

static double rmse(const struct model *model, struct part part)
{
    double squares = 0;
    for (int e = 0; e < part.count; e++) {
        struct entry entry = part.entries[e];
        const double *u = model->left + (int64_t)entry.row * model->rank, *v = model->right + (int64_t)entry.column * model->rank;
        double error = entry.value - model->mean - model->rows[entry.row] - model->columns[entry.column];
        for (int l = 0; l < model->rank; l++) error -= u[l] * v[l];
        squares += error * error;
    }
    return sqrt(squares / part.count);
}

/* The rate falls by a twentieth an epoch down to a tenth of what it began with. */
static double rate_at(double rate, int epoch)
{
    double share = pow(0.95, epoch);
    return rate * (share > 0.1 ? share : 0.1);
}

/* Least validation error of a setting, and the epoch that has it. */
static double judge(struct model *model, struct part train, struct part validation, struct setting *setting)
{
    double best = INFINITY;
    setting->epochs = 1;
    begin(model, train);
    for (int done = 0; done < most_epochs && done - setting->epochs < patience; done++) {
        epoch(model, train, setting->ridge, rate_at(setting->rate, done));
        double error = rmse(model, validation);
        if (!isfinite(error)) break;
        if (error < best * (1 - 1e-5)) { best = error; setting->epochs = done + 1; }
    }
    return best;
}

int main(int count, char **arguments)
{
    if (count != 3 && count != 5) { fprintf(stderr, "usage: biased-sgd DATA RANK [RIDGE RATE]\n"); return 2; }
    FILE *file = fopen(arguments[1], "rb");
    if (file == NULL) { fprintf(stderr, "biased-sgd: cannot open %s\n", arguments[1]); return 1; }
    int32_t sizes[5];
    read_exactly(file, sizes, sizeof sizes);
    struct part train = read_part(file, sizes[2]), validation = read_part(file, sizes[3]), test = read_part(file, sizes[4]);
    struct model model = { sizes[0], sizes[1], atoi(arguments[2]), 0, NULL, NULL, NULL, NULL };
    model.rows = allocate((size_t)model.m * 8);
    model.columns = allocate((size_t)model.n * 8);
    model.left = allocate((size_t)model.m * model.rank * 8);
    model.right = allocate((size_t)model.n * model.rank * 8);
    state = 88172645463325252ULL;
    shuffle(train);
    /* Everything is fitted in units of the spread of the values, so that the grid suits every scale. */
    double sum = 0, squares = 0;
    for (int e = 0; e < train.count; e++) { sum += train.entries[e].value; squares += train.entries[e].value * train.entries[e].value; }
    double spread = sqrt(squares / train.count - sum / train.count * (sum / train.count));
    struct part parts[] = { train, validation, test };
    for (int k = 0; k < 3; k++) for (int e = 0; e < parts[k].count; e++) parts[k].entries[e].value /= spread;
    const double ridges[] = { 0.01, 0.02, 0.04, 0.07, 0.12, 0.2, 0.35, 0.6 }, rates[] = { 0.0003, 0.001, 0.003, 0.01, 0.03, 0.08 };
    struct setting best = { ridges[3], rates[3], 1 };
    double begun = now(), least = INFINITY;
    double factors[] = { 1, 0.6, 1.7 };
    for (int k = 0; count == 5 && k < (train.count > 2000000 ? 1 : 3); k++) {
        struct setting setting = { factors[k] * atof(arguments[3]), atof(arguments[4]), 1 };
        double error = judge(&model, train, validation, &setting);
        if (error < least) { least = error; best = setting; }
    }
    /* One coordinate after the other, twice: the ridge at a usual rate, the rate at that ridge. */
    for (int turn = 0; count == 3 && turn < 2; turn++) {
        for (int k = 0; k < 8; k++) {
            struct setting setting = { ridges[k], best.rate, 1 };
            double error = judge(&model, train, validation, &setting);
            if (error < least) { least = error; best = setting; }
        }
        for (int k = 0; k < 6; k++) {
            struct setting setting = { best.ridge, rates[k], 1 };
            double error = judge(&model, train, validation, &setting);
            if (error < least) { least = error; best = setting; }
        }
    }
    struct part known = { train.count + validation.count, allocate((train.count + validation.count) * sizeof(struct entry)) };
    memcpy(known.entries, train.entries, train.count * sizeof(struct entry));
    memcpy(known.entries + train.count, validation.entries, validation.count * sizeof(struct entry));
    shuffle(known);
    double fitted = now();
    begin(&model, known);
    for (int done = 0; done < best.epochs; done++) epoch(&model, known, best.ridge, rate_at(best.rate, done));
    double end = now();
    printf("%.17g %.6f %.6f %.4g %.4g %d\n", spread * rmse(&model, test), end - fitted, end - begun, best.ridge, best.rate, best.epochs);
    return 0;
}
