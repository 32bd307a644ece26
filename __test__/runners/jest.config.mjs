import { fileURLToPath } from 'node:url'

export default {
  rootDir: fileURLToPath(new URL('../..', import.meta.url)),
  roots: ['<rootDir>/__test__/documents'],
  testMatch: ['**/*.spec.mjs'],
  moduleFileExtensions: ['mjs', 'js', 'cjs', 'json', 'node'],
  testEnvironment: 'node',
  // Load ECMAScript modules unchanged: node --experimental-vm-modules.
  transform: {},
  moduleNameMapper: { '^node:assert/strict$': '<rootDir>/__test__/runners/jest-assert.mjs' },
  watchman: false,
}
