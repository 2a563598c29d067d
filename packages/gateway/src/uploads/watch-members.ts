import { AAuthError } from 'countersign/resource'
import { namesAnotherRequest } from '../fields/reads-as-override.js'
import type { Watch } from './watch.js'

/** Longest name that is looked at. */
const longestName = 1_048_576

/** The members of an object in JSON, be it followed by anything, or broken off. */
export function watchMembers(): Watch {
  let depth = 0
  let isString = false
  let isEscaped = false
  /** Of the outermost object: the string that was read last, unless it is a value. */
  let name: string | undefined
  let isName = true

  /** Reads on within a string, and gives where it goes on after that. */
  function readString(text: string, from: number): number {
    if (isEscaped) {
      isEscaped = false
      take(text.slice(from, from + 1))
      return from + 1
    }
    const at = next(/["\\]/g, text, from)
    take(text.slice(from, at))
    if (at === text.length) return at
    if (text[at] === '"') isString = false
    else {
      isEscaped = true
      take('\\')
    }
    return at + 1
  }

  function take(part: string): void {
    if (name !== undefined && depth === 1 && name.length <= longestName) name += part
  }

  function readStructure(text: string, from: number): number {
    const at = next(structure, text, from)
    const found = text[at]
    if (found !== undefined && !'"{}[]:,'.includes(found)) throw noJson()
    if (found === '"') {
      isString = true
      if (isName) name = ''
    } else if (found === ':') {
      if (isName && depth === 1) requirePlainMember(name)
      isName = false
      name = undefined
    } else if (found !== undefined) {
      if (found === '{' || found === '[') depth += 1
      else if (found !== ',') depth = Math.max(0, depth - 1)
      isName = true
      name = undefined
    }
    return at + 1
  }

  return {
    push(chunk) {
      if (chunk.includes(0)) throw new AAuthError('media_type_unsupported', 'Send JSON in UTF-8.')
      const text = Buffer.from(chunk).toString('latin1')
      for (let at = 0; at < text.length; ) at = isString ? readString(text, at) : readStructure(text, at)
    },
    end: () => undefined,
  }
}

/** What has a meaning outside of strings, or none, as what lenient parsers take for a comment or a quote. */
const structure = /["{}[\]:,!#$%&'()*/;<=>?@\\^_`|~]/g

const noJson = () =>
  new AAuthError('request_malformed', 'This is no JSON: no comments, and names and texts in double quotes.')

/** Where one of some characters is next; the end of the text where there is none. */
function next(characters: RegExp, text: string, from: number): number {
  characters.lastIndex = from
  return characters.exec(text)?.index ?? text.length
}

function requirePlainMember(raw: string | undefined): void {
  if (raw === undefined) throw noJson()
  const name = raw
    .replaceAll(/\\(?:u([0-9a-f]{4})|x([0-9a-f]{2}))/gi, (_, unit?: string, byte?: string) =>
      String.fromCharCode(Number.parseInt(unit ?? (byte as string), 16)),
    )
    .replaceAll('\\', '')
  if (raw.length > longestName || namesAnotherRequest(name))
    throw new AAuthError('request_malformed', `The member ${name.slice(0, 32)} is not taken here.`)
}
