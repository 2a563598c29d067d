import { usernameProblem } from 'countersign-server'
import { describe, expect, it } from 'vitest'
import { usernameSkeletons } from '../../../src/storage/rows/users.js'

const lookAlike = (one: string, other: string) => {
  const skeletons = usernameSkeletons(one)
  return usernameSkeletons(other).some((skeleton) => skeletons.includes(skeleton))
}

/** Names that users can mistake for one another. */
const alike: readonly (readonly [name: string, other: string])[] = [
  ['paypal', 'paypaI'],
  ['paypal', 'paypa1'],
  ['paypal', 'paypa|'],
  ['bill', 'biII'],
  ['alice', 'al1ce'],
  ['alice', 'A1ICE'],
  ['Ian', 'lan'],
  ['oscar', '0scar'],
  ['OSCAR', '0scar'],
  ['mike', 'rnike'],
  ['Mike', 'rnike'],
  ['willy', 'vvilly'],
  ['alice', '\u0430lice'],
  ['ALICE', '\u0430lice'],
  ['alice', '\u0410LICE'],
  ['alice', '\u0251lice'],
  ['alice', '\u03B1lice'],
  ['alice', '\u13AAlice'],
  ['alice', '\uA4EElice'],
  ['alice', 'al\u0131ce'],
  ['alice', 'al\u0456ce'],
  ['alice', 'al\u0130ce'],
  ['alice', 'ali\u0307ce'],
  ['alice', 'a\u04CFi\u0441e'],
  ['oliver', '\u0585liver'],
  ['nora', '\u0578ora'],
  ['cope', '\u0441\u043E\u0440\u0435'],
  ['COPE', '\u0421\u041E\u0420\u0415'],
  ['jane', '\u0458\u0430n\u0435'],
  ['anna-maria', 'anna\u2010maria'],
  ['anna.b', 'anna\uA4F8b'],
  ['nina', '\uFF4Eina'],
  ['alice', 'ᴀʟɪᴄᴇ'],
  ['alice', 'ꓮꓡꓲꓚꓰ'],
  ['alice', 'ᎪᏞᏆᏟᎬ'],
  ['alice', 'ꭺꮮꮖꮯꭼ'],
  ['alice', 'ALlCE'],
  ['Alice Smith', 'Alice ꓢꓟꓲꓔꓧ'],
  ['iris', 'ꓲꓣꓲꓢ'],
  ['IRIS', 'ꓲꓣꓲꓢ'],
  ['ivan', 'ꓲꓦꓮꓠ'],
  ['tommy', 'ТОММУ'],
  ['nora', 'ΝΟRΑ'],
  ['zoe', 'ΖΟΕ'],
  ['paul', 'ᴘᴀᴜʟ'],
]

/** Names of unrelated people. */
const apart: readonly (readonly [name: string, other: string])[] = [
  ['ian', 'lan'],
  ['ali', 'all'],
  ['Paul', 'Pauline'],
  ['ᴀʟɪᴄᴇ', 'alicia'],
  ['alice', 'alice2'],
  ['alice', 'alic\u00E9'],
  ['clara', 'dara'],
  ['bob', 'rob'],
  ['anna.b', 'anna-b'],
  ['anna b', 'annab'],
  ['\u0438\u0432\u0430\u043D', 'ivan'],
  ['\u0418\u0440\u0438\u043D\u0430', '\u041C\u0430\u0440\u0438\u043D\u0430'],
  ['\u0645\u062D\u0645\u062F', '\u0645\u062D\u0645\u0648\u062F'],
  ['\u5C71\u7530', '\u5C71\u672C'],
]

describe('look-alike usernames', () => {
  it.each(alike)('%s and %s look alike', (one, other) => {
    expect(lookAlike(one, other)).toBe(true)
    expect(lookAlike(other, one)).toBe(true)
  })

  it.each(apart)('%s and %s do not', (one, other) => {
    expect(lookAlike(one, other)).toBe(false)
  })

  it('are found in any Unicode normalization form', () => {
    expect(lookAlike('Zo\u00EB', 'Zo\u0435\u0308')).toBe(true)
    for (const [one, other] of alike) {
      expect(lookAlike(one.normalize('NFD'), other.normalize('NFC')), other).toBe(true)
      expect(lookAlike(one.toUpperCase(), one.toLowerCase()), one).toBe(true)
    }
  })
})

describe('a word of a username', () => {
  it.each([
    ['\u0430lice', 'username_mixed'],
    ['al\u0456ce', 'username_mixed'],
    ['\u03B1lice', 'username_mixed'],
    ['\u0585liver', 'username_mixed'],
    ['\u13AAlice', 'username_mixed'],
    ['\uA4EElice', 'username_mixed'],
    ['\u2C9Elive', 'username_mixed'],
    ['\u0418\u03C9', 'username_mixed'],
    ['Anna \u0430lice', 'username_mixed'],
    ['\uFF41\u0430', 'username_mixed'],
    ['\u0418\u0432\u0430\u043D Smith', undefined],
    ['Anna-\u041C\u0430\u0440\u0438\u044F', undefined],
    ['\u0418\u0432\u0430\u043D2', undefined],
    ['Jos\u00E9', undefined],
    ['Stra\u00DFe\u03B1', 'username_mixed'],
    ['\u5C71\u7530taro', undefined],
    ['\u30B8\u30E7\u30F3Smith', undefined],
    ['\uAE40alice', undefined],
    ['\u092A\u094D\u0930\u093F\u092F\u093E', undefined],
    ['a\u202Eb', 'username_invalid'],
  ])('that is %s: %s', (username, problem) => {
    expect(usernameProblem(username)).toBe(problem)
  })
})
