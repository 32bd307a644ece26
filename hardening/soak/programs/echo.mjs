// Sends back what its parent sends.

import { parentChannel } from '../../../index.js'
import { echo } from '../echo.mjs'

echo(parentChannel())
