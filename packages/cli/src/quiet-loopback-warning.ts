/** Leaves out the library's warning about loopback: here it is the point, and everything listens on this machine only. */
export function quietLoopbackWarning(): void {
  const shown = process.listeners('warning')
  process.removeAllListeners('warning')
  process.on('warning', (warning) => {
    if (warning.name !== 'CountersignWarning') for (const show of shown) show(warning)
  })
}
