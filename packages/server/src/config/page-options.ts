import * as z from 'zod'
import { brandColor, link, type ShapeOf, text } from './fields.js'

/** What the pages show. */
export interface PageOptions {
  /**
   * Whether agents' logos are fetched, re-encoded and shown. Otherwise pages show a letter from the agent's host.
   * @default true
   */
  logos?: boolean | undefined
  /** Path of your logo, which stands next to the server's name: an SVG or PNG file of at most 64 KiB. @default a shield */
  logo?: string | undefined
  colors?: ColorOptions | undefined
  footer?: FooterOptions | undefined
  contact?: ContactOptions | undefined
}

/** The color of your brand. Users read text in this color, and text on it. */
export interface ColorOptions {
  /**
   * Color of buttons, tabs and selected choices in light mode, as `#rrggbb`, with a contrast of at least 4.5:1 to the light backgrounds of
   * the pages. @default dark green
   */
  light?: string | undefined
  /** The same color in dark mode, with a contrast of at least 4.5:1 to the dark backgrounds of the pages. @default light green */
  dark?: string | undefined
}

/** Links in the page footer: an `https:` or `mailto:` URL, or a path. */
export interface FooterOptions {
  /** The footer link to a page where users get help. @default none */
  help?: string | undefined
  /** The link for reporting an agent, on pages about an agent. @default none */
  report?: string | undefined
  /** The footer link to your privacy policy. @default none */
  privacy?: string | undefined
}

/** The contact for users. */
export interface ContactOptions {
  /**
   * Name of the contact for requests that a policy forbids, and for password resets.
   * @default the pages say "your administrator"
   */
  name: string
  /** The link to the contact. @default none */
  href?: string | undefined
}

/** The schema of the settings of pages. */
export const pageShape = z
  .strictObject({
    logos: z.boolean().default(true),
    logo: text(4096).optional(),
    colors: z
      .strictObject({
        light: brandColor('light').optional(),
        dark: brandColor('dark').optional(),
      } satisfies ShapeOf<ColorOptions>)
      .optional(),
    footer: z
      .strictObject({
        help: link.optional(),
        report: link.optional(),
        privacy: link.optional(),
      } satisfies ShapeOf<FooterOptions>)
      .prefault({}),
    contact: z.strictObject({ name: text(128), href: link.optional() } satisfies ShapeOf<ContactOptions>).optional(),
  } satisfies ShapeOf<PageOptions>)
  .prefault({})
