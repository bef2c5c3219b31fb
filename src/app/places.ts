/** The pages that the switches in the bar lead back to, and that are come back to after a confirmation. */
export const PLACES = ['/', '/order', '/devices', '/confirm', '/ops'] as const
export type Place = (typeof PLACES)[number]
