import { languages, renderConsent } from 'countersign-server/pages'
import { describe, expect, it } from 'vitest'
import { bearerConsent } from '../../pages/consent-states.js'
import { consentModel } from '../../pages/models.js'
import { words } from '../../pages/reading.js'
import {
  authorizeUrl,
  clientDocument,
  clientId,
  decide,
  json,
  openConsent,
  openStage,
  redeem,
  resourceDocument,
} from './oauth-stage.js'

const metadataUrl = 'https://notes.example/.well-known/oauth-protected-resource/mcp'
const web = { redirect_uri: 'https://client.example/callback' }
const asksAgain = 'The next time you connect this agent, we’ll ask you again.'

const textOf = async (...opened: Parameters<typeof openConsent>) => words((await openConsent(...opened)).page)

it('a client whose document was fetched publishes its details', async () => {
  const stage = await openStage()
  expect(await textOf(stage)).toContain(
    'Its details are published by client.example. Nothing proves that this request comes from there.',
  )
  expect(stage.fetched).toContain(clientId)
})

it('a link says neither when it was made nor that the agent asked before, however often it is opened', async () => {
  const stage = await openStage()
  const first = await openConsent(stage)
  expect(words(first.page)).toContain('This is the first time this agent has asked you.')
  stage.clock.now += 5
  const again = await first.user.open(authorizeUrl())
  const page = words(
    await (await first.user.open(new URL(again.headers.get('location') ?? '', authorizeUrl()).href)).text(),
  )
  expect(page).toContain('Details')
  for (const text of [words(first.page), page]) expect(text).not.toMatch(/\bAsked\b|has asked you before/)
  expect(page).not.toContain('first time')
  await decide(stage)
  expect(await textOf(stage)).toMatch(/You allowed this agent on [^.]+\. (?!Asked)/)
})

describe('resource_name', () => {
  const withName = async (resource_name: unknown) => {
    const stage = await openStage()
    stage.documents.set(metadataUrl, () => json({ ...resourceDocument, resource_name }))
    return textOf(stage)
  }

  it('is the resource’s own, unchecked words beside its host', async () => {
    expect(await withName('Notes')).toContain(
      'Allow client.example to access notes.example/mcp for you? notes.example/mcp calls itself “Notes”. We haven’t checked that name.',
    )
  })

  it.each([
    ['absent', undefined],
    ['not text', ['Notes']],
    ['a brand', 'Google Drive'],
    ['another address', 'bank.example'],
    ['a claim of this server', 'Verified Notes'],
  ])('is left out if it is %s', async (_, name) => {
    const text = await withName(name)
    expect(text).toContain('Allow client.example to access notes.example/mcp for you?')
    expect(text).not.toContain('notes.example/mcp calls itself')
  })

  it('cannot end its quotation, and is cut after 60 characters', async () => {
    expect(await withName(`Notes”. Read “${'x'.repeat(80)}`)).toMatch(
      /calls itself “Notes\. Read x{47}…”\. We haven’t checked that name\./,
    )
  })
})

it.each([
  ['https://localhost:53123/callback', '53123'],
  ['https://app.localhost/callback', '443'],
])('a program that receives its answer at %s is on the user’s computer', async (redirect_uri, port) => {
  const stage = await openStage()
  stage.documents.set(clientId, () => json({ ...clientDocument, redirect_uris: [redirect_uri] }))
  const url = authorizeUrl({ redirect_uri })
  const text = await textOf(stage, url)
  expect(text).toContain(`A program on the computer before you will get this (port ${port}).`)
  expect(text).toContain(asksAgain)
  const code = (await decide(stage, 'grant', url)).searchParams.get('code') ?? ''
  stage.clock.now += 60
  expect((await redeem(stage, code, { redirect_uri })).error).toBe('invalid_grant')
})

describe('that the user will be asked again', () => {
  it('is said about a program on the computer, and is true', async () => {
    const stage = await openStage()
    const { user, consent, page } = await openConsent(stage)
    expect(words(page)).toContain(asksAgain)
    await user.submit(page, consent, { consent: 'grant', duration: 'until-removed' })
    expect(await textOf(stage)).toContain(asksAgain)
  })

  it('is said about a client that is known by a name', async () => {
    const stage = await openStage({ clients: [{ ...clientDocument, client_id: 'editor' }] })
    expect(await textOf(stage, authorizeUrl({ client_id: 'editor', ...web }))).toContain(asksAgain)
  })

  it('is not said about a client whose decisions can be remembered', async () => {
    expect(await textOf(await openStage(), authorizeUrl(web))).not.toContain(asksAgain)
  })
})

describe.each(Object.values(languages))('in $languageName', (messages) => {
  it('the page contains the resource’s name, no time of the request, and that it will ask again', () => {
    const page = words(renderConsent({ ...bearerConsent, requestedBefore: true, asksAgain: true }, messages))
    const withoutSpaces = (of: string) => of.replaceAll(/\s/g, '')
    const said = (sentence: unknown) => withoutSpaces([sentence].flat(3).join(''))
    const text = withoutSpaces(page)
    expect(text).toContain(said(messages.resourceCallsItself('cal.example/mcp', messages.quoted('Team calendar'))))
    expect(text).toContain(said(messages.askedAgain))
    for (const sentence of [messages.requestedBefore, messages.asked(messages.ago(40))])
      expect(text).not.toContain(said(sentence))
  })

  it('a request that an agent signs has its time, and no such sentence', () => {
    const text = words(renderConsent(consentModel({ requestedBefore: true }), messages))
    expect(text).toContain(messages.requestedBefore)
    expect(text).not.toContain(messages.askedAgain)
  })
})
