import { AAuthError } from 'countersign/resource'
import { lettersOf } from '../fields/plain-name.js'
import { longestValue, type ValueWatch } from './form-paths.js'
import { requirePlainField } from './require-plain-field.js'
import type { Watch } from './watch.js'

/** Most of a name that is looked at. */
const longestName = 1_048_576

/** More letters than any name has that is looked for. */
const manyLetters = 100

/** Names and values as in a query. */
export function watchParameters(onValue?: ValueWatch): Watch {
  let name = ''
  let value = ''
  let isValue = false

  function endName(): void {
    requirePlainField(name)
    onValue?.(value)
    name = ''
    value = ''
    isValue = false
  }

  function readValue(part: string): void {
    if (onValue && value.length < longestValue) value += part.slice(0, longestValue)
  }

  return {
    push(chunk) {
      for (const [at, part] of Buffer.from(chunk).toString('latin1').split(/[&;]/).entries()) {
        if (at > 0) endName()
        if (isValue) {
          readValue(part)
          continue
        }
        const mark = part.indexOf('=')
        isValue = mark !== -1
        name += isValue ? part.slice(0, mark) : part
        if (isValue) readValue(part.slice(mark + 1))
        if (name.length <= longestName) continue
        requirePlainField(name)
        if (lettersOf(name.replaceAll(/%../g, '')).length < manyLetters)
          throw new AAuthError('media_type_unsupported', 'This is no form: say with Content-Type what it is.')
        isValue = true
      }
    },
    end: endName,
  }
}
