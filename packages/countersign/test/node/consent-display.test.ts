import { userInfo } from 'node:os'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { consentLines, createConsentDisplay, tunnelLines } from '../../src/node/consent-display.js'

type Consent = Parameters<typeof consentLines>[0]

const start = 1_800_000_000
const erase = '\r\u001b[K'

const consentOf = (change: Partial<Consent> = {}): Consent => ({
  url: 'https://auth.example/agent/auth?request_token=r',
  code: 'AB12',
  authServer: 'https://auth.example',
  resource: 'https://api.example',
  scope: 'data.read',
  permissions: [],
  expiresAt: start + 600,
  signal: new AbortController().signal,
  ...change,
})

const timeIsUp = 'Time is up, unless you extended it on the page. For a new link, start again.'

/** A display whose clock the test moves. `written` returns what was written since the last call. */
function openDisplay({ countsDown = true, isDumb = false } = {}) {
  vi.useFakeTimers({ now: start * 1000 })
  onTestFinished(() => void vi.useRealTimers())
  let text = ''
  const write = (more: string) => {
    text += more
  }
  const display = createConsentDisplay({ write }, { countsDown, isDumb })
  const written = () => {
    const all = text
    text = ''
    return all
  }
  return { display, written }
}

describe('the countdown', () => {
  it('is redrawn each second below the lines, until the consent ends', () => {
    const { display, written } = openDisplay()
    const consent = consentOf()
    display.say(['Zero'])
    expect(written(), 'before it begins').toBe(`${erase}Zero\n`)
    display.begin(consent, ['One', 'Two'])
    expect(written()).toBe(`${erase}One\nTwo\n${erase}Waiting for you: 10:00 left.`)
    vi.advanceTimersByTime(1000)
    expect(written()).toBe(`${erase}Waiting for you: 9:59 left.`)
    display.say(['Three'])
    expect(written()).toBe(`${erase}Three\n${erase}Waiting for you: 9:59 left.`)
    vi.advanceTimersByTime(591_000)
    expect(written()).toMatch(/9:58 left.*0:08 left\.$/s)
    display.end(consent)
    expect(written()).toBe(erase)
    expect(vi.getTimerCount()).toBe(0)
    display.end(consent)
    expect(written(), 'once').toBe('')
  })

  it('says when the time is up, and that the user may have extended it', () => {
    const { display, written } = openDisplay()
    display.begin(consentOf({ expiresAt: start + 0.5 }), [])
    expect(written()).toMatch(/0:01 left\.$/)
    vi.advanceTimersByTime(1000)
    expect(written()).toBe(`${erase}${timeIsUp}`)
  })

  it('says so once if there is no countdown', () => {
    for (const options of [{ countsDown: false }, { isDumb: true }]) {
      const { display, written } = openDisplay(options)
      display.begin(consentOf({ expiresAt: start + 10 }), ['One'])
      vi.advanceTimersByTime(9000)
      expect(written()).toMatch(/One\n$/)
      vi.advanceTimersByTime(5000)
      expect(written().split(timeIsUp)).toHaveLength(2)
    }
  })

  it('shows the earliest of several ends, and stops when none is left', () => {
    const { display, written } = openDisplay()
    const [early, late] = [consentOf({ expiresAt: start + 60 }), consentOf()]
    display.begin(late, [])
    display.begin(early, [])
    expect(written()).toMatch(/1:00 left\.$/)
    display.end(early)
    expect(written()).toBe('')
    vi.advanceTimersByTime(1000)
    expect(written()).toBe(`${erase}Waiting for you: 9:59 left.`)
    display.end(late)
    vi.advanceTimersByTime(5000)
    expect(written()).toBe(erase)
    display.begin(consentOf({ expiresAt: start + 66 }), [])
    written()
    vi.advanceTimersByTime(1000)
    expect(written(), 'and starts again').toBe(`${erase}Waiting for you: 0:59 left.`)
  })

  it('ends with the signal of its consent, and does not start after that', () => {
    const { display, written } = openDisplay()
    const abort = new AbortController()
    display.begin(consentOf({ signal: abort.signal }), [])
    written()
    abort.abort()
    expect(written()).toBe(erase)
    display.begin(consentOf({ signal: abort.signal }), ['Too late'])
    vi.advanceTimersByTime(5000)
    expect(written()).toBe('')
  })

  it('is absent if the user types on the same line, and if the terminal supports no control sequences', () => {
    for (const [options, expected] of [
      [{ countsDown: false }, `${erase}One\n${erase}`],
      [{ isDumb: true }, 'One\n'],
    ] as const) {
      const { display, written } = openDisplay(options)
      const consent = consentOf()
      display.begin(consent, ['One'])
      vi.advanceTimersByTime(5000)
      display.end(consent)
      expect(written()).toBe(expected)
    }
  })
})

describe('the lines that prompt the user', () => {
  const context = { port: 4242, env: {}, page: 'is here', isPasted: false } as const
  const page = ['', '  https://auth.example/agent/auth?request_token=r', '']
  const code = 'The page shows the code AB12. If it shows a different code, close it.'
  const who = 'api.example needs your consent, which you give at auth.example.'
  const ssh = { SSH_CONNECTION: '192.0.2.1 50000 192.0.2.7 2222' }
  const tunnel = [
    'You are connected over SSH. First run this on the computer with your browser,',
    'and leave it running:',
    '',
    `  ssh -N -p 2222 -L 4242:127.0.0.1:4242 ${userInfo().username}@192.0.2.7`,
    '',
  ]

  it('start with a hint only if no browser opens and nothing is pasted', () => {
    const lines = (change: Partial<Parameters<typeof consentLines>[1]>) =>
      consentLines(consentOf(), { ...context, hint: 'Use another way,\nif you can.', ...change })
    const here = 'Open this page in your browser:'
    expect(lines({})).toEqual([who, 'Use another way,', 'if you can.', here, ...page, code])
    const [, ...after] = tunnel
    const or = 'Or forward a port over SSH: first run this on the computer with your browser,'
    expect(lines({ env: ssh }).slice(1, 9)).toEqual(['Use another way,', 'if you can.', or, ...after, here])
    for (const change of [{ page: 'opens' }, { page: 'elsewhere' }, { isPasted: true }] as const)
      expect(lines(change).join()).not.toContain('another way')
  })

  it.each<[string, Partial<Parameters<typeof consentLines>[1]>, string[]]>([
    ['here', {}, ['Open this page in your browser:']],
    ['that opens', { page: 'opens' }, ['Your browser opens this page:']],
    [
      'of another process',
      { page: 'elsewhere' },
      ['Another process of this agent has already prompted you. Decide on its page:'],
    ],
    ['over SSH', { env: ssh }, [...tunnel, 'Open this page in your browser:']],
    ['that opens over SSH', { env: ssh, page: 'opens' }, ['Your browser opens this page:']],
    ['whose address is pasted', { env: ssh, isPasted: true }, ['Open this page in your browser:']],
  ])('name a page %s', (_where, change, above) => {
    expect(consentLines(consentOf(), { ...context, ...change })).toEqual([who, ...above, ...page, code])
  })

  it('list the permissions or the purpose, without control characters of other parties', () => {
    const permissions = [
      { scope: 'data.read', description: 'Read \u001b[2Jdata\u202e' },
      { scope: 'data\u2028write', description: undefined },
    ]
    expect(consentLines(consentOf({ permissions }), context).slice(0, 3)).toEqual([
      'api.example needs your consent, which you give at auth.example:',
      '  - Read ?[2Jdata? (data.read)',
      '  - data?write',
    ])
    expect(consentLines(consentOf({ purpose: 'to send mail' }), context)[0]).toBe(
      'This agent needs your consent to send mail, which you give at auth.example.',
    )
  })

  it('contain the command that forwards the port only over SSH, and its port if it is not 22', () => {
    expect(tunnelLines({}, 4242)).toEqual([])
    expect(tunnelLines({ SSH_CONNECTION: '192.0.2.1 50000' }, 4242)).toEqual([])
    expect(tunnelLines(ssh, 4242)).toEqual(tunnel)
    expect(tunnelLines({ SSH_CONNECTION: '192.0.2.1 50000 192.0.2.7 22' }, 4242)[3]).toBe(
      `  ssh -N -L 4242:127.0.0.1:4242 ${userInfo().username}@192.0.2.7`,
    )
  })
})
