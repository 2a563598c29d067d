import { expect, it } from 'vitest'
import {
  fieldsByName,
  fieldValues,
  isSignedMessage,
  receiveRequest,
  targetOf,
  trimSpace,
} from '../../src/httpsig/received-message.js'

it.each([
  ['https://resource.example/', '/'],
  ['https://resource.example/a?', '/a?'],
  ['https://resource.example/a?b#c', '/a?b'],
  ['https://resource.example/a#b?c/d', '/a'],
  ['http://[::1]:8001/a', '/a'],
])('targetOf %s', (url, target) => {
  expect(targetOf(url)).toBe(target)
})

it.each([
  ['the host of the URL', {}, 'api.example'],
  ['Host, if the request has it', { host: 'www.example' }, 'www.example'],
])('a Web request is received with %s', (_what, headers, host) => {
  const { rawHeaders } = receiveRequest(new Request('https://api.example/', { headers }))
  expect(fieldValues({ rawHeaders }, 'host')).toEqual([host])
})

const tagged = 'sig1=("@method");created=1;tag="web-bot-auth"'
it.each<[string, string[], boolean]>([
  ['no signature', ['Host', 'api.example'], false],
  ['only Signature', ['Signature', 'x'], true],
  ['only Signature-Input', ['signature-input', 'sig1=("@method");created=1'], true],
  ['only Signature-Key', ['SIGNATURE-KEY', 'x'], true],
  ['a signature for another protocol', ['Signature-Input', tagged, 'Signature', 'sig1=:AA==:'], false],
  ['such a signature without its input', ['Signature', 'sig1=:AA==:'], true],
  ['two such signatures', ['Signature-Input', tagged, 'Signature-Input', tagged.replace('sig1', 'sig2')], false],
  ['one of two without a tag', ['Signature-Input', `${tagged}, sig2=("@method");created=1`], true],
  ['a tag that is not a string', ['Signature-Input', 'sig1=("@method");tag=1'], true],
  ['a tag of a value that is no list', ['Signature-Input', 'sig1=1;list=();tag="web-bot-auth"'], true],
  ['a tag before other text', ['Signature-Input', `${tagged} created`], true],
  ['an input that cannot be parsed', ['Signature-Input', 'sig1=('], true],
  ['an empty input', ['Signature-Input', ''], true],
])('a message with %s counts as signed: %s', (_what, rawHeaders, expected) => {
  expect(isSignedMessage({ rawHeaders })).toBe(expected)
})

it('finds all values of a field, whatever the case of its name', () => {
  const message = { rawHeaders: ['A', ' 1\t', 'b', '2', 'a', '3', 'aa', '4', 'a'] }
  expect(fieldValues(message, 'a')).toEqual(['1', '3'])
  expect(fieldValues(message, 'c')).toEqual([])
  const fields = fieldsByName(message, (name) => name.startsWith('a'))
  expect(Object.fromEntries(fields)).toEqual({ a: ['1', '3'], aa: ['4'] })
})

it.each([
  [' \t a b \t', 'a b'],
  ['\u00a0a\n', '\u00a0a\n'],
  [' \t', ''],
  ['', ''],
])('removes spaces and tabs, and nothing else, around %j', (value, trimmed) => {
  expect(trimSpace(value)).toBe(trimmed)
})
