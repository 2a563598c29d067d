import { createFormats, wholeUnits } from '../formats.js'

/** With Arabic-Indic digits, whatever the machine's own locale data prefers. */
export const arLocale = 'ar-u-nu-arab'

export const arFormats = createFormats(arLocale)

const rules = new Intl.PluralRules('ar')

/** The forms of a counted noun: alone, dual, after 3–10, after 11–99, after a round hundred. */
interface CountedNoun {
  one: string
  two: string
  few: string
  many: string
  other: string
}

const units: Record<'minute' | 'hour' | 'day', CountedNoun> = {
  minute: { one: 'دقيقة واحدة', two: 'دقيقتين', few: 'دقائق', many: 'دقيقة', other: 'دقيقة' },
  hour: { one: 'ساعة واحدة', two: 'ساعتين', few: 'ساعات', many: 'ساعة', other: 'ساعة' },
  day: { one: 'يوم واحد', two: 'يومين', few: 'أيام', many: 'يومًا', other: 'يوم' },
}

/** A number with its noun; one and two are said by the noun alone. */
export function arCounted(count: number, noun: CountedNoun): string {
  const form = rules.select(count)
  if (form === 'one' || form === 'two') return noun[form]
  return `${arFormats.number(count)} ${noun[form === 'zero' ? 'other' : form]}`
}

/** A duration in Arabic words, as it stands after a preposition. */
export function arDuration(seconds: number): string {
  const { count, unit } = wholeUnits(seconds)
  return arCounted(count, units[unit])
}
