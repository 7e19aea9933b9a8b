#include "app/commands.h"
#include "app/context.h"
#include "app/explain.h"
#include "issue/caa_preflight.h"
#include "issue/planning.h"
#include "report/plan_report.h"

namespace mxcert::app {

void run_plan(Context& context) {
  context.read_inventory();
  const mx::Plan plan = issue::make_plan(context.run, context.invocation.arguments);
  if (!context.invocation.explain.empty()) return explain(context, plan);
  issue::report_gaps(context.report, plan,
                     context.tolerates_unknown_names());  // says what `issue` would say, its exit status included
  issue::report_caa(context.run, plan);
  if (context.invocation.json) return report::write_plan_json(plan, context.report.errors(), report::write_result);
  report::write_result(report::plan_to_text(plan, {.width = context.terminal.width, .color = context.terminal.color}));
}

}  // namespace mxcert::app
