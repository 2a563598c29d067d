import { connect } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { createOperatorStage } from './operator-stage.js'

const formBytes = 65_536

/** The response status of a POST of which only this part is sent. */
async function statusOf(origin: string, head: string, body: string): Promise<number> {
  return Number(/^HTTP\/1\.1 (\d+)/.exec(await responseTo(origin, head, body))?.[1])
}

async function responseTo(origin: string, head: string, body = ''): Promise<string> {
  const socket = connect(Number(new URL(origin).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.write(
    `POST /account/sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n${head}\r\n\r\n${body}`,
  )
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no response in 30 s')), 30_000)
    socket.once('error', reject).once('data', (data) => {
      clearTimeout(timer)
      resolve(data.toString('latin1'))
    })
  })
}

// V11
it('refuses a body that is larger than a form before it is fully received', async () => {
  const stage = await createOperatorStage()
  const { origin } = await stage.serve()
  expect(await statusOf(origin, `Content-Length: ${formBytes + 1}`, 'x')).toBe(413)
  const chunk = `${(formBytes + 1).toString(16)}\r\n${'x'.repeat(formBytes + 1)}\r\n`
  expect(await statusOf(origin, 'Transfer-Encoding: chunked', chunk)).toBe(413)
})

it('reads a form of the maximum size', async () => {
  const stage = await createOperatorStage()
  const { origin } = await stage.serve()
  const form = `x=${'x'.repeat(formBytes - 2)}`
  expect(await statusOf(origin, `Content-Length: ${formBytes}`, form)).toBe(403)
})

// G60
it('no cache stores the response to a request that cannot be parsed', async () => {
  const stage = await createOperatorStage()
  const { origin } = await stage.serve()
  const response = await responseTo(origin, `X-Long: ${'x'.repeat(40_000)}`)
  expect(response).toMatch(/^HTTP\/1\.1 431 [\s\S]*\r\nCache-Control: no-store\r\n/)
})
