import { describe, expect, it, onTestFinished } from 'vitest'
import { isLong } from '../long.js'
import { play, playRace } from './attack.js'
import { authRequestAttacks, authRequestRaces } from './auth-request-attacks.js'
import { codeAttacks, codeRaces } from './code-attacks.js'
import { consentAttacks, consentRaces } from './consent-attacks.js'
import { denialAttacks } from './denial-attacks.js'
import { grantAttacks } from './grant-attacks.js'
import { laterAttacks, listedAttacks } from './later-attacks.js'
import { operationsAttacks } from './operations-attacks.js'
import { refreshAttacks, refreshRaces } from './refresh-attacks.js'
import { rememberedAttacks } from './remembered-attacks.js'
import { signInAttacks } from './sign-in-attacks.js'
import { signatureAttacks, signatureRaces } from './signature-attacks.js'
import { openHttpStage, openMapStage, openPostgresStage, openSharedPostgresStage, openSharedStage } from './stage.js'

const attacks = [
  ...signatureAttacks,
  ...authRequestAttacks,
  ...consentAttacks,
  ...denialAttacks,
  ...signInAttacks,
  ...rememberedAttacks,
  ...codeAttacks,
  ...refreshAttacks,
  ...grantAttacks,
  ...operationsAttacks,
]
const races = [...signatureRaces, ...authRequestRaces, ...consentRaces, ...codeRaces, ...refreshRaces]

const stages = [
  ['one server over a map of origins', openMapStage, openMapStage],
  ['two instances over HTTP on one PostgreSQL database', openPostgresStage, openSharedPostgresStage],
  ['two instances over HTTP on one SQLite file', openHttpStage, openSharedStage],
] as const

// The guarantees for two engines on one file are covered by the storage contract tests at every commit.
describe.each(isLong ? stages : stages.slice(0, 2))('%s', (_name, openStage, openHttpsStage) => {
  it.each(attacks.map((attack) => [attack.id, attack.claim, attack] as const))(
    '%s: %s',
    async (_id, _claim, attack) => {
      const stage = await (attack.https ? openHttpsStage : openStage)(attack.options)
      onTestFinished(() => stage.close())
      await play(attack, stage)
    },
  )

  it.each(races.map((race) => [race.id, race.claim, race] as const))('%s: %s', async (_id, _claim, race) => {
    const stage = await openStage()
    onTestFinished(() => stage.close())
    await playRace(race, stage)
  })
})

describe('the attack table', () => {
  it('covers every row of groups A, C, X and O, or states why not', () => {
    const played = new Set([...attacks, ...races].map(({ id }) => id))
    expect(listedAttacks.filter((id) => played.has(id) === id in laterAttacks)).toEqual([])
  })

  it('has a base case for every group', () => {
    expect(['A', 'C', 'X', 'O'].filter((group) => !attacks.some(({ id }) => id === group))).toEqual([])
  })

  it('has no duplicate case names', () => {
    const names = [...attacks, ...races].map(({ id, claim }) => `${id}: ${claim}`)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })
})
