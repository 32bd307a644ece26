import fs from 'node:fs'

/** How many descriptors this process has. */
export const openDescriptors = () => fs.readdirSync('/proc/self/fd').length
