export { Temporal } from 'temporal-polyfill'
export * from './app.js'

export class Money {
  constructor(
    readonly amount: bigint,
    readonly currency: string,
  ) {}
}
