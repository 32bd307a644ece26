export default {
  files: ['__test__/documents/*.spec.mjs'],
  extensions: { mjs: true },
  workerThreads: false,
  concurrency: 1,
}
