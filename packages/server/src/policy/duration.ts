/** How long something is allowed for: seconds, or for as long as the person does not remove it. */
export type Duration = number | 'until-removed'
