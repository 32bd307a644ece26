// How often a test of a race repeats it.

/** Repetitions without PROCNATIVE_REPETITIONS=all: enough to see that the test works, too few to trust a race. */
const FEW = 3

/** The number of repetitions: `all` of them with PROCNATIVE_REPETITIONS=all, which .ci/run sets, otherwise a few. */
export const repetitions = (all) => (process.env.PROCNATIVE_REPETITIONS === 'all' ? all : Math.min(all, FEW))
