import { runProgram } from './program.js'
import { outputError } from './terminal/interruption.js'
import { processTerminal } from './terminal/process-terminal.js'

// The library warns about loopback identifiers. Here they are intended, and everything listens only on this machine.
const shown = process.listeners('warning')
process.removeAllListeners('warning')
process.on('warning', (warning) => {
  if (warning.name !== 'CountersignWarning') for (const show of shown) show(warning)
})
process.stdout.on('error', (error) => {
  // Commands that must clean up handle the signal themselves, and report it.
  if (process.stdout.listenerCount('error') > 1) return
  const { message, exitCode } = outputError(error)
  processTerminal.notify(message)
  process.exit(exitCode)
})
process.exitCode = await runProgram(process.argv, processTerminal)
