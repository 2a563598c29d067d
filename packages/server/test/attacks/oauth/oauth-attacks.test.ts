import { describe, expect, it } from 'vitest'
import { openStage } from '../../editions/oauth/oauth-stage.js'
import { play, playRace } from '../attack.js'
import { openMapStage, openProxiedPostgresStage, openProxiedStage } from '../stage.js'
import { clientAttacks } from './client-attacks.js'
import { codeAttacks, codeRaces } from './code-attacks.js'
import { consentAttacks } from './consent-attacks.js'
import { editionAttacks } from './edition-attacks.js'
import { refreshAttacks, refreshRaces } from './refresh-attacks.js'

const attacks = [...clientAttacks, ...codeAttacks, ...refreshAttacks, ...consentAttacks, ...editionAttacks]
const races = [...codeRaces, ...refreshRaces]

describe.each([
  ['one server, in process', openMapStage],
  ['two instances over HTTP on one SQLite file', openProxiedStage],
  ['two instances over HTTP on one PostgreSQL database', openProxiedPostgresStage],
] as const)('%s', (_name, open) => {
  it.each(attacks.map((attack) => [attack.id, attack.claim, attack] as const))(
    '%s: %s',
    async (_id, _claim, attack) => {
      await play(attack, await openStage({}, (options) => open({ ...options, ...attack.options })))
    },
  )

  it.each(races.map((race) => [race.id, race.claim, race] as const))('%s: %s', async (_id, _claim, race) => {
    await playRace(race, await openStage({}, open))
  })
})

/** The rows of group B that concern the auth server. */
const listed = [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 22, 23].map(
  (number) => `B${String(number).padStart(2, '0')}`,
)

describe('the attack table', () => {
  it('covers every row, and no others', () => {
    const played = new Set([...attacks, ...races].map(({ id }) => id))
    expect([...played].sort()).toEqual(['B', ...listed])
  })

  it('has no duplicate case names', () => {
    const names = [...attacks, ...races].map(({ id, claim }) => `${id}: ${claim}`)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })
})
