#include "app/caa_preflight.h"
#include "app/commands.h"
#include "app/context.h"
#include "app/explain.h"
#include "app/planning.h"
#include "report/plan_report.h"

namespace mxcert::app {

void run_plan(Context& context) {
  const mx::Plan plan = make_plan(context);
  if (!context.invocation.explain.empty()) return explain(context, plan);
  report_gaps(context, plan);  // says what `issue` would say, its exit status included
  report_caa(context, plan);
  if (context.invocation.json) return report::write_plan_json(plan, context.report.errors(), report::write_result);
  report::write_result(report::plan_to_text(plan, {.width = context.terminal.width, .color = context.terminal.color}));
}

}  // namespace mxcert::app
