import type { Socket } from 'node:net'
import { expect, it } from 'vitest'
import { simulatePublicNetwork } from '../../../countersign/test/discovery/public-network.js'
import { checkRedirect } from '../../src/doctor/check-answers.js'
import { drip, listenAnd } from './outside/hostile-server.js'

const host = 'auth.corp.example'
const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'
const redirect = `HTTP/1.1 308 Permanent Redirect\r\nlocation: https://${host}/account\r\n\r\n`

it.each<[string, (socket: Socket) => void, 'ok' | 'problem']>([
  ['redirects to https', (socket) => socket.end(redirect), 'ok'],
  ['closes the connection', (socket) => socket.end(), 'ok'],
  ['switches to another protocol', (socket) => socket.end(switching), 'problem'],
  ['never ends its headers', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\n', 'a: b\r\n'), 'problem'],
  ['never ends its page', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\n\r\n', '<'), 'problem'],
])('finds a port 80 that %s', async (_what, behave, outcome) => {
  const { port } = await listenAnd(behave)
  simulatePublicNetwork({ [host]: [['10.1.2.3']] }, Number(port))
  expect(await checkRedirect(new URL(`https://${host}`))).toMatchObject({ check: 'plain http', outcome })
})
