import { expect, it } from 'vitest'
import { createBoundedReports } from '../../../src/editions/draft-11/bounded-reports.js'
import { askAuth, obtainPerson, openPersonStage } from './person-stage.js'

function openReports() {
  const clock = { now: 1000 }
  const reported: unknown[] = []
  const report = createBoundedReports({ onError: (error) => void reported.push(error), now: () => clock.now })
  return { clock, reported, report: (subject: string) => report(subject, { subject, requestId: 'id' }) }
}

it('reports one error about each subject in ten minutes, and 20 in all', () => {
  const { clock, reported, report } = openReports()
  for (let count = 0; count < 100; count++) report('one')
  expect(reported).toEqual(['one'])
  for (let count = 0; count < 100; count++) report(`other ${count}`)
  expect(reported).toHaveLength(20)
  clock.now += 600
  report('one')
  expect(reported.slice(20)).toEqual(['one'])
})

it('goes on to report if the clock is set back', () => {
  const { clock, reported, report } = openReports()
  report('one')
  clock.now -= 500
  report('one')
  report('one')
  expect(reported).toEqual(['one', 'one'])
})

it('an agent that combines tokens in every request is reported once, and refused each time', async () => {
  const stage = await openPersonStage()
  const person = await obtainPerson(stage)
  for (let count = 0; count < 5; count++)
    expect((await askAuth(stage, person, { claims: { presented_jti: `other ${count}` } })).status).toBe(400)
  expect(stage.reported).toHaveLength(1)
})
