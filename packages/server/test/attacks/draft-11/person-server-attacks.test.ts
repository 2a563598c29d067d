import { describe, expect, it } from 'vitest'
import { openPersonStage } from '../../editions/draft-11/person-stage.js'
import { play, playRace } from '../attack.js'
import { openMapStage, openProxiedPostgresStage, openProxiedStage } from '../stage.js'
import {
  editionAttacks,
  messageAttacks,
  presentedTokenAttacks,
  resourceTokenAttacks,
  senderAttacks,
} from './token-request-attacks.js'
import {
  bindingAttacks,
  bindingRaces,
  callbackAttacks,
  codeAttacks,
  denialAttacks,
  floodAttacks,
  pageAttacks,
  pollAttacks,
  pollRaces,
  revocationAttacks,
  subjectAttacks,
} from './user-attacks.js'

const attacks = [
  ...senderAttacks,
  ...messageAttacks,
  ...resourceTokenAttacks,
  ...presentedTokenAttacks,
  ...editionAttacks,
  ...pollAttacks,
  ...codeAttacks,
  ...bindingAttacks,
  ...denialAttacks,
  ...subjectAttacks,
  ...callbackAttacks,
  ...pageAttacks,
  ...revocationAttacks,
  ...floodAttacks,
]
const races = [...pollRaces, ...bindingRaces]

describe.each([
  ['one server, in process', openMapStage],
  ['two instances over HTTP on one SQLite file', openProxiedStage],
  ['two instances over HTTP on one PostgreSQL database', openProxiedPostgresStage],
] as const)('%s', (_name, open) => {
  it.each(attacks.map((attack) => [attack.id, attack.claim, attack] as const))(
    '%s: %s',
    async (_id, _claim, attack) => {
      await play(attack, await openPersonStage({ open, ...attack.options }))
    },
  )

  it.each(races.map((race) => [race.id, race.claim, race] as const))('%s: %s', async (_id, _claim, race) => {
    await playRace(race, await openPersonStage({ open }))
  })
})

describe('the attack table', () => {
  it('covers every row of group P, and no others', () => {
    const played = new Set([...attacks, ...races].map(({ id }) => id).filter((id) => id.startsWith('P')))
    expect([...played].sort()).toEqual(Array.from({ length: 16 }, (_, at) => `P${15 + at}`))
  })

  it('has no duplicate case names', () => {
    const names = [...attacks, ...races].map(({ id, claim }) => `${id}: ${claim}`)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })
})
