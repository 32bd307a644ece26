import { daemonizeProcess } from 'daemonize-process'

daemonizeProcess()

// An import declaration would also load the app in the launcher.
await import('../app.cjs')
