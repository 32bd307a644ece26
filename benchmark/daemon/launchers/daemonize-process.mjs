import { daemonizeProcess } from 'daemonize-process'

daemonizeProcess()

// What is imported by a declaration would be loaded in the launcher too.
await import('../app.cjs')
