import { afterEach, describe, expect, it } from 'vitest'
import { processTerminal } from '../../src/terminal/process-terminal.js'

const listeners = () => process.listenerCount('SIGHUP')

describe('SIGHUP', () => {
  const before = listeners()
  let release = (): void => undefined

  afterEach(() => {
    release()
    expect(listeners()).toBe(before)
  })

  it('stops a command once, after which another one terminates the process', () => {
    const stops: unknown[] = []
    release = processTerminal.onStop((stop) => stops.push(stop))
    process.emit('SIGHUP', 'SIGHUP')
    expect(stops).toEqual([{ by: 'SIGHUP', exitCode: 129 }])
    expect(listeners()).toBe(before)
  })

  it('reloads a command each time, and has a listener even while it reloads: without one, it terminates the process', () => {
    const stops: unknown[] = []
    const during: number[] = []
    release = processTerminal.onStop((stop) => stops.push(stop), { onHangUp: () => during.push(listeners()) })
    process.emit('SIGHUP', 'SIGHUP')
    process.emit('SIGHUP', 'SIGHUP')
    expect(during).toEqual([before + 1, before + 1])
    expect(stops).toEqual([])
  })
})
