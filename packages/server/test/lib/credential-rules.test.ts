import { expect, it } from 'vitest'
import { isEmail, passwordProblem, usernameProblem } from '../../src/lib/credential-rules.js'

it.each([
  ['Cyrillic', 'ж'],
  ['Greek', 'α'],
  ['Armenian', 'ա'],
  ['Georgian', 'ა'],
  ['Cherokee', 'Ꭰ'],
  ['Coptic', 'ⲁ'],
  ['Lisu', 'ꓐ'],
  ['Deseret', '𐐨'],
  ['Osage', '𐓘'],
  ['Tifinagh', 'ⴰ'],
  ['Old Italic', '𐌀'],
])('refuses a word of a username that mixes Latin and look-alike %s letters', (_script, letter) => {
  expect(usernameProblem(`zo${letter}`)).toBe('username_mixed')
  expect(usernameProblem(`zoe ${letter}${letter}`)).toBeUndefined()
})

it('accepts a username of 128 UTF-16 units, a password of 8 to 1,024 characters, and an email of 254', () => {
  expect([128, 129].map((length) => usernameProblem('x'.repeat(length)))).toEqual([undefined, 'username_invalid'])
  const password = (length: number) => '🗝'.concat('kalender grün 7 '.repeat(70)).slice(0, length + 1)
  const problems = [7, 8, 1024, 1025].map((length) => passwordProblem(password(length)))
  expect(problems).toEqual(['password_too_short', undefined, undefined, 'password_too_long'])
  expect([241, 242].map((length) => isEmail(`${'a'.repeat(length)}@home.example`))).toEqual([true, false])
})

it.each([
  ['', 'username_invalid'],
  [' zoe', 'username_invalid'],
  ['zoe ', 'username_invalid'],
  ['zoe  ann', 'username_invalid'],
  ['zoe\n', 'username_invalid'],
  ['zo\u200be', 'username_invalid'],
  ['zo\u2800e', 'username_invalid'],
  [`e${'\u0301'.repeat(4)}`, 'username_invalid'],
  [`e${'\u0301'.repeat(3)}`, undefined],
  ['zoe жж', undefined],
  ['zoж ann', 'username_mixed'],
  // Mathematical letters belong to no script until they are normalized.
  ['𝐳ж', 'username_mixed'],
])('the username %j has the problem %s', (username, problem) => {
  expect(usernameProblem(username)).toBe(problem)
})

it.each(['QWERTY123', 'rosalind7'])('refuses the common password %s', (password) => {
  expect(passwordProblem(password, 'Rosalind')).toBe('password_common')
})

it.each([
  ['zoe@home.example', true],
  ['zoe+a.b@mail.home.example', true],
  ['zoe@home', false],
  ['home.example', false],
  ['zoe@@home.example', false],
  ['zoe@home@home.example', false],
  ['zoe ann@home.example', false],
  ['zoe@home.example ', false],
  [' zoe@home.example', false],
  ['Zoe <zoe@home.example>', false],
  ['<zoe@home.example', false],
])('%j is an email address: %s', (email, expected) => {
  expect(isEmail(email)).toBe(expected)
})
