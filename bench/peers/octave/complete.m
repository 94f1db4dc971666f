% Completes the matrices of a folder by a solver of the authors of MatrixIRLS, and prints a line of JSON for each:
%   octave-cli complete.m AUTHORS FOLDER SOLVER
% AUTHORS is their code, adapted to Octave by bench/octave-peers.ts; FOLDER has one folder a problem, 1, 2, ….
1;

function x = numbers(file, type)
  id = fopen(file, 'r');
  x = fread(id, Inf, type);
  fclose(id);
end

% Settings are those of their demo_MatrixIRLS.m and run_MC_algos.m, the rank known; they stop by themselves at a change
% far below what counts as solved.
function [iterates, times] = solve(solver, d, r, Phi, y)
  opts = getDefaultOpts_IRLS;
  opts.saveiterates = 1;
  opts.verbose = 0;
  if strcmp(solver, 'MatrixIRLS')
    prob = struct('d1', d(1), 'd2', d(2), 'r', r, 'Phi', Phi, 'y', y);
    [~, outs] = MatrixIRLS(prob, 0, opts);
    iterates = outs.X;
    times = outs.time;
  else
    prob = make_prob_Riem_adp(y, find(Phi), d(1), d(2), r);
    prob.use_blas = false;
    options = default_opts_Riem(2000, 1e-9);
    options.saveiterates = 1;
    options.verbosity = 0;
    [~, ~, ~, outs, N, times] = LRGeomCG_outp(prob, options, make_start_x_Riem(prob));
    iterates = outs.Xout(1:N);
  end
end

function X = dense(x, Phi)
  if iscell(x)
    X = x{1} * x{2}';
  else
    X = full(get_densemat_from_compact(x, Phi));
  end
end

warning('off', 'all');
arguments = argv();
[authors, folder, solver] = arguments{:};
addpath(genpath(authors));
k = 1;
while exist(fullfile(folder, num2str(k)), 'dir')
  part = @(name, type) numbers(fullfile(folder, num2str(k), name), type);
  sizes = part('sizes', 'int32');
  [d, r] = deal(double(sizes(1:2)), double(sizes(3)));
  L = reshape(part('left', 'double'), r, d(1))';
  R = reshape(part('right', 'double'), r, d(2))';
  Phi = sparse(part('rows', 'int32') + 1, part('columns', 'int32') + 1, 1, d(1), d(2));
  X0 = L * R';
  y = X0(find(Phi));
  smallest = svd(X0)(r);
  try
    [iterates, times] = solve(solver, d, r, Phi, y);
    errors = cellfun(@(x) norm(dense(x, Phi) - X0, 'fro'), iterates) / norm(X0, 'fro');
    last = svd(dense(iterates{end}, Phi))(r);
    first = find(errors <= 1e-4, 1);
    if isempty(first)
      seconds = 'null';
    else
      seconds = sprintf('%.6f', times(first));
    end
    printf('{"seconds": %s, "total": %.6f, "error": %.6e, "smallest": %.6e}\n', seconds, times(numel(iterates)), errors(end), abs(last / smallest - 1));
  catch problem
    printf('{"failed": "%s"}\n', strrep(strrep(problem.message, '"', "'"), "\n", ' '));
  end
  fflush(stdout);
  k++;
end
