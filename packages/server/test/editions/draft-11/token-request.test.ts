import { describe, expect, it } from 'vitest'
import { readHints } from '../../../src/editions/draft-11/token-request.js'

describe('what an agent says with its request', () => {
  const said = (members: object) => readHints({ ...members })
  const nothing = { reason: undefined, device: undefined, platform: undefined }

  it('is all optional', () => {
    const none = { canInteract: undefined, prompt: new Set(), loginHint: null, agentSays: nothing }
    expect(said({})).toEqual(none)
    expect(said({ prompt: ' ' })).toEqual(none)
  })

  it.each([
    [[], false],
    [['interaction'], true],
    [['other', 'interaction'], true],
  ])('lists capabilities: with %j, it can take its user to a page: %s', (capabilities, expected) => {
    expect(said({ capabilities }).canInteract).toBe(expected)
  })

  it.each(['none', 'none none', 'login', 'consent', 'select_account', 'login consent select_account'])(
    'may be a prompt: %s',
    (prompt) => {
      expect(said({ prompt }).prompt).toEqual(new Set(prompt.split(' ')))
    },
  )

  it.each(['web', 'mobile', 'desktop', 'workload', 'self-hosted'])('may be a platform: %s', (platform) => {
    expect(said({ platform }).agentSays).toEqual({ ...nothing, platform })
    expect(said({ platform: `${platform}s` }).agentSays).toEqual(nothing)
  })

  it.each<[object, string]>([
    ...['login_hint', 'prompt', 'justification', 'device', 'platform'].map((name): [object, string] => [
      { [name]: 1 },
      `${name} must be a string.`,
    ]),
    [{ capabilities: 'interaction' }, 'capabilities must be an array of strings.'],
    [{ capabilities: ['interaction', 1] }, 'capabilities must be an array of strings.'],
    [{ prompt: 'create' }, 'prompt must be of none, login, consent, select_account.'],
    [{ prompt: 'none login' }, 'prompt=none cannot be combined with another prompt.'],
    [{ justification: 'x'.repeat(2001) }, 'justification must have at most 2000 characters.'],
    [{ device: 'x'.repeat(65) }, 'device must have at most 64 printable characters.'],
    [{ device: 'x\u0007' }, 'device must have at most 64 printable characters.'],
  ])('is refused in %j', (members, message) => {
    expect(() => said(members)).toThrow(expect.objectContaining({ code: 'request_malformed', message }))
  })
})
