import { runProgram } from './program.js'
import { outputError } from './terminal/interruption.js'
import { processTerminal } from './terminal/process-terminal.js'

// The library warns about loopback: here it is the point, and everything listens on this machine only.
const shown = process.listeners('warning')
process.removeAllListeners('warning')
process.on('warning', (warning) => {
  if (warning.name !== 'CountersignWarning') for (const show of shown) show(warning)
})
process.stdout.on('error', (error) => {
  // A command that closes what it opened listens, too, and says so itself.
  if (process.stdout.listenerCount('error') > 1) return
  const { message, exitCode } = outputError(error)
  processTerminal.notify(message)
  process.exit(exitCode)
})
process.exitCode = await runProgram(process.argv, processTerminal)
