import { runProgram } from './program.js'
import { quietLoopbackWarning } from './quiet-loopback-warning.js'
import { processTerminal } from './terminal.js'

quietLoopbackWarning()
process.exitCode = await runProgram(process.argv, processTerminal)
