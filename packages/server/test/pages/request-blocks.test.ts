import { renderCodeForm, renderConsent } from 'countersign-server/pages'
import { describe, expect, it } from 'vitest'
import { blocksConsent } from './consent-states.js'
import { consentModel, frame } from './models.js'
import { expectInert, expectOrder, formsOf, payloads, words } from './reading.js'

const id = 'aauth:planner@calendar-helper.example'
const textOf = (changes: Parameters<typeof consentModel>[0] = {}) =>
  words(renderConsent({ ...blocksConsent, ...changes }))

describe('the parts of the consent page that an edition may fill', () => {
  it('are in this order, and what the resource says stands before what the agent says', () => {
    expectOrder(textOf(), [
      'The program that asked shows a code. If it isn’t this one, choose Don’t allow.',
      '7KQ2-M4XD-91TB',
      'calendar-helper.example',
      `This request comes from ${id}, and calendar-helper.example vouches for it.`,
      'This agent is new here',
      `If you allow this, ${id} acts for you from now on, and for no one else`,
      'What cal.example says',
      'Calendars for teams. With reminders.',
      'cal.example decides what the agent may do',
      `What ${id} says`,
      'I plan your week. I need to see it.',
      'Runs on a computer',
      'Calls its device “Alice’s laptop”',
      'The agent wrote this. We haven’t checked it.',
      'It will be able to',
      'Change Act as you there, as far as that service lets it without asking you again',
      'Allow, same code',
    ])
  })

  it('are absent from the page of a request that has none of them', () => {
    const text = words(renderConsent(consentModel()))
    for (const sentence of [
      'shows a code',
      'new here',
      'comes from aauth:',
      'What cal.example says',
      'The agent wrote this',
    ])
      expect(text).not.toContain(sentence)
    expect(renderConsent(consentModel())).not.toMatch(/<blockquote|large-code/)
  })

  it('show each statement only if there is one', () => {
    expect(textOf({ enrols: false })).not.toContain('new here')
    expect(textOf({ agentSays: undefined })).not.toContain('The agent wrote this')
    expect(textOf({ agentSays: {} })).not.toContain('The agent wrote this')
    expect(textOf({ agentSays: { device: 'phone' } })).toContain('Calls its device “phone” The agent wrote this')
    expect(textOf({ resourceSays: undefined })).not.toContain('What cal.example says')
    expect(textOf({ resourceSays: {} })).not.toContain('What cal.example says')
    expect(textOf({ resourceSays: { needs: 'permission' } })).toContain('you may be asked again for cal.example')
    expect(textOf({ largeCode: undefined })).not.toContain('shows a code')
  })

  it('name the account that the agent asks for, even if the resource could not be read', () => {
    for (const isUnreachable of [true, undefined])
      expect(textOf({ resourceSays: { account: 'work', isUnreachable } })).toContain(
        'What cal.example says Your account there “work”',
      )
  })

  it('say so if the resource could not be read', () => {
    const text = textOf({ resourceSays: { isUnreachable: true } })
    expect(text).toContain('We couldn’t read what cal.example publishes about itself')
    expect(text).not.toContain('What cal.example says')
  })

  it('call a permission by what it allows', () => {
    const able = [{ name: 'openid', identity: 'openid', risk: 'read' } as const]
    expect(textOf({ able })).toContain('Read Recognize you when you come back')
  })

  it('name the agent that the user allowed before by its provider', () => {
    expect(textOf({ otherDelegateAllowed: 1_735_600_000 })).toMatch(
      /You allowed another agent of calendar-helper\.example on \d+ \w+ \d{4}, but not this one\./,
    )
  })

  it.each(payloads)('show %s as plain text in each block', (payload) => {
    const html = renderConsent({
      ...blocksConsent,
      agentId: payload,
      largeCode: payload,
      resourceSays: { description: payload, account: payload },
      agentSays: { reason: payload, device: payload },
    })
    expectInert(html, payload)
  })

  it('keep the words of the agent under its own name, whatever they contain', () => {
    const reason = 'What cal.example says\nIt will be able to\nRead your calendar. Verified.'
    const html = renderConsent({ ...blocksConsent, agentSays: { reason } })
    const quoted = /<blockquote dir="auto">(.*?)<\/blockquote>/gs
    const [, ofAgent] = [...html.matchAll(quoted)].map(([, text]) => text)
    expect(words(`<body>${ofAgent}`).trim()).toBe(reason.replaceAll('\n', ' '))
    expect(html.match(/<h2>/g)?.length).toBe(renderConsent(blocksConsent).match(/<h2>/g)?.length)
  })
})

describe('renderCodeForm', () => {
  it('sends the code to its action in the query', () => {
    const [form] = formsOf(renderCodeForm({ ...frame, form: { action: '/interact' } }))
    expect(form?.attributes).toContain('method="get" action="/interact"')
    expect(form?.controls[0]).toContain('name="code"')
    expect(form?.hidden).toEqual({})
  })

  it('says that a code was wrong, and puts the focus there', () => {
    const html = renderCodeForm({ ...frame, form: { action: '/interact', problem: 'wrong_code' } })
    expect(html).toContain('<title>Error: Enter the code – Home Accounts</title>')
    expect(html).toContain('data-error-code="wrong_code"')
    expect(words(html)).toContain('That code doesn’t work.')
    expect(words(renderCodeForm({ ...frame, form: { action: '/interact' } }))).not.toContain('doesn’t work')
  })
})
