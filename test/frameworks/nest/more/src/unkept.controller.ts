import { type CanActivate, Controller, type ExecutionContext, Get, UseGuards } from '@nestjs/common'
import { sessions } from './session.js'

class Spoil implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const views: unknown[] = []
    sessions.of(context.switchToHttp().getRequest()).set('views', views as never)
    // The commit finds the value that cannot be stored.
    views.push(() => {})
    return true
  }
}

@Controller()
export class UnkeptController {
  @Get('unkept')
  @UseGuards(Spoil)
  unkept() {
    return 'kept'
  }
}
