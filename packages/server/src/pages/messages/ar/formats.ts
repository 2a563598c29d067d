import { createCounted, createFormats, wholeUnits } from '../parts/formats.js'

/** With Arabic-Indic digits, whatever the machine's own locale data prefers. */
const locale = 'ar-u-nu-arab'

export const arFormats = createFormats(locale, (time) => `${time} بتوقيت UTC`)

export const arCounted = createCounted(locale)

/** One and two are said by the noun alone. */
const units = {
  minute: { one: 'دقيقة واحدة', two: 'دقيقتين', few: '# دقائق', many: '# دقيقة', other: '# دقيقة' },
  hour: { one: 'ساعة واحدة', two: 'ساعتين', few: '# ساعات', many: '# ساعة', other: '# ساعة' },
  day: { one: 'يوم واحد', two: 'يومين', few: '# أيام', many: '# يومًا', other: '# يوم' },
}

/** A duration in Arabic words, as it stands after a preposition. */
export function arDuration(seconds: number): string {
  const { count, unit } = wholeUnits(seconds)
  return arCounted(count, units[unit])
}
