import { runProgram } from './program.js'
import { processTerminal } from './terminal/process-terminal.js'

// The library warns about loopback: here it is the point, and everything listens on this machine only.
const shown = process.listeners('warning')
process.removeAllListeners('warning')
process.on('warning', (warning) => {
  if (warning.name !== 'CountersignWarning') for (const show of shown) show(warning)
})
process.exitCode = await runProgram(process.argv, processTerminal)
