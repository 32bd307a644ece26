/** Why a scenario can't run on this machine: it is skipped. */
export class Missing extends Error {}
