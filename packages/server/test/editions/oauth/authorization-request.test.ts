import { expect, it, vi } from 'vitest'
import { readSentParameters } from '../../../src/editions/oauth/authorization-request.js'

it('limits the number of parameters before it reads any of them', () => {
  const unread = {
    search: `?${'a&'.repeat(50)}a`,
    get searchParams(): URLSearchParams {
      throw new Error('The parameters were read.')
    },
  }
  expect(() => readSentParameters(unread)).toThrow('bad_form')
})

it('reads each parameter once, and never searches for one', () => {
  const searchParams = new URLSearchParams(`client_id=c&redirect_uri=r&state=s${'&a'.repeat(47)}`)
  const searches = ['get', 'getAll', 'has'] as const
  const spies = searches.map((each) => vi.spyOn(searchParams, each))
  const sent = readSentParameters({ search: `?${searchParams.toString()}`, searchParams })
  expect(sent).toMatchObject({ clientId: 'c', redirectUri: 'r', state: 's', repeated: 'a' })
  expect(spies.flatMap(({ mock }) => mock.calls)).toEqual([])
})
