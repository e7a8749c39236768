"""Parts of ``benchmarks.device``: what only a GPU can show. They need kernels/, numpy, numba, numba-cuda and CuPy alone."""
