import { request } from 'node:http'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { listenWith } from '../../countersign/test/resource/events-resource.js'
import { cdnCacheFields } from './cdn-cache-fields.js'
import { exchange, message, openGateway, signedLines } from './gateway-stage.js'

/** A gateway in front of an API that responds in chunks, and ends with trailers. */
const openTrailing = (trailers: [string, string][], headers: Record<string, string> = {}) =>
  openGateway({}, (incoming, outgoing) => {
    for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, value)
    outgoing.write('part')
    outgoing.addTrailers([...trailers, ['X-Asked', `${String(incoming.headers.te)} ${incoming.headers.connection}`]])
    outgoing.end()
  })

const asked = async (port: number) => exchange(port, message(await signedLines('/signed')))

describe('trailers of the API', () => {
  it('follow the response unchanged, whether announced or not', async () => {
    const trailers: [string, string][] = [
      ['Grpc-Status', '0'],
      ['grpc-message', 'tea \xfc'],
      ['X-Twice', '1'],
      ['X-Twice', '2'],
    ]
    const { port } = await openTrailing(trailers, { trailer: 'Grpc-Status, grpc-message' })
    const answer = await asked(port)
    expect(answer).toMatch(/\r\nTrailer: Grpc-Status, grpc-message\r\n/i)
    expect(answer).toMatch(
      /\r\n0\r\nGrpc-Status: 0\r\ngrpc-message: tea \xfc\r\nX-Twice: 1\r\nX-Twice: 2\r\nX-Asked: .*\r\n\r\n$/,
    )
    const lines = (await signedLines('/signed')).slice(1).map((line) => line.split(/: (.*)/s).slice(0, 2))
    const seen = await new Promise((resolve, reject) => {
      const headers = { ...(Object.fromEntries(lines) as Record<string, string>), te: 'trailers', connection: 'TE' }
      request({ port, path: '/signed', headers }, (incoming) =>
        incoming.resume().once('end', () => resolve(incoming.trailers)),
      )
        .once('error', reject)
        .end()
    })
    // An API such as gRPC sends them only to clients that declare support for them.
    expect(seen).toMatchObject({ 'grpc-status': '0', 'x-twice': '1, 2', 'x-asked': 'trailers TE' })
  })

  // G18
  it('are dropped if they could be read as identity, or control how the response is parsed, stored or forwarded', async () => {
    const dropped = [
      'X-AAuth-Subject',
      'X_AAuth_Scope',
      'x.aauth.assertion',
      'Connection',
      'Keep-Alive',
      'Content-Type',
      'Set-Cookie',
      'Cache-Control',
      'CDN-Cache-Control',
      'Vary',
      'Access-Control-Allow-Origin',
      'Agent-Auth',
      'X-Hop',
      // G47
      ...cdnCacheFields,
    ]
    const trailers = dropped.map((name): [string, string] => [name, 'leaked'])
    const headers = { connection: 'x-hop, keep-alive', trailer: [...dropped, 'Grpc-Status'].join(', ') }
    const { port } = await openTrailing([...trailers, ['Grpc-Status', '0']], headers)
    const answer = await asked(port)
    expect(answer).toMatch(/\r\nTrailer: Grpc-Status\r\n/)
    expect(answer).toMatch(/\r\n0\r\nGrpc-Status: 0\r\nX-Asked: .*\r\n\r\n$/)
    expect(answer).not.toMatch(/leaked|aauth/i)
  })

  it('are left out if they are not allowed: HTTP/1.0, HEAD, no content', async () => {
    const { port } = await openTrailing([['Grpc-Status', '0']], { trailer: 'Grpc-Status' })
    const old = await exchange(port, message(['GET /open/ HTTP/1.0', 'Host: x']))
    expect(old).toMatch(/^HTTP\/1\.1 200[\s\S]*\r\n\r\npart$/)
    expect(old).not.toMatch(/grpc|trailer/i)
    for (const [start, status] of [
      ['HEAD /open/', '200 OK'],
      ['GET /open/', '304 Not Modified'],
    ]) {
      const raw = `HTTP/1.1 ${status}\r\nTransfer-Encoding: chunked\r\nTrailer: Grpc-Status\r\n\r\n`
      const upstream = createServer((socket) => void socket.once('data', () => socket.end(raw)))
      const stage = await openGateway({ upstream: `http://127.0.0.1:${await listenWith(upstream)}` })
      const answer = await exchange(stage.port, message([`${start} HTTP/1.1`, 'Host: x']))
      expect(answer).toContain(`HTTP/1.1 ${status}\r\n`)
      expect(answer).not.toMatch(/grpc|trailer/i)
    }
  })

  // G18
  it.each([
    ['Content-Length', '5'],
    ['Transfer-Encoding', 'chunked'],
  ])('are dropped if they repeat the length of the response: %s', async (name, value) => {
    const { port } = await openTrailing([[name, value]])
    const answer = await asked(port)
    const head = answer.indexOf('\r\n\r\n')
    expect(head).toBeGreaterThan(0)
    expect(answer.slice(head)).not.toMatch(new RegExp(name, 'i'))
  })

  it('abort the response if they are incomplete', async () => {
    const { port } = await openGateway({}, (_, outgoing) => {
      outgoing.write('part')
      setTimeout(() => outgoing.socket?.end('0\r\nGrpc-Sta'), 50)
    })
    const answer = await asked(port)
    expect(answer).toMatch(/part/)
    expect(answer).not.toMatch(/\r\n0\r\n/)
  })
})
