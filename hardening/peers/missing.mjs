/** Explains why this machine can't run a scenario, which is then skipped. */
export class Missing extends Error {}
