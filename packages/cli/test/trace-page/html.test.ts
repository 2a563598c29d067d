import { expect, it } from 'vitest'
import { Html, html } from '../../src/trace-page/html.js'

it('escapes text for elements and quoted attributes, and characters that reverse or hide it', () => {
  expect(html`<b title="${`"'&`}">${'<i>\u202e\u0000'}</b>`.markup).toBe(
    '<b title="&quot;&#39;&amp;">&lt;i&gt;\\u202e\\u0000</b>',
  )
})

it('inserts markup and lists of it unchanged, and nothing for an absent part', () => {
  const items = ['a', '<'].map((text) => html`<li>${text}</li>`)
  expect(html`<ul>${items}</ul>${undefined}${false}${new Html('<hr>')}${0}`.markup).toBe(
    '<ul><li>a</li><li>&lt;</li></ul><hr>0',
  )
})
